"""Where what became of the rows is kept: dead letters in any object storage, results in any database."""
