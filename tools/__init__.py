"""Programs for who works on splade: installing, locking, licences, pages and pictures of the documents."""
