"""What DAGs declare of rules, campaigns and Insight Tags, compared with LinkedIn and changed there through the hook."""
