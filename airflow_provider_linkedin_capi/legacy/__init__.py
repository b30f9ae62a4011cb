"""What LinkedIn has switched off, kept for those who move away from it: the offline conversions API, DMP segments."""
