drop table replicas, index_life, entries, documents;
drop sequence document_revision;
