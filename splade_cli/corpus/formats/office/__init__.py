"""Files that are ZIP archives of XML: Word, PowerPoint, Excel, OpenDocument and EPUB."""
