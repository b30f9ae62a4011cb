"""Where rows come from: SQL, files and records."""
