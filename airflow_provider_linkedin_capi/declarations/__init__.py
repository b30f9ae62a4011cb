"""What DAGs declare of conversion rules, campaigns and Insight Tags, brought about in LinkedIn through the hook."""
