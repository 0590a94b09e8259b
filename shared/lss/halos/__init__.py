"""What halos look like as fields, in redshift space, and from where they came."""
