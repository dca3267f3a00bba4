-- Keys and indexes of what is about files, within its own tables; what points elsewhere is in 5_links.sql.
SET ROLE breezycorp_owner;
SET maintenance_work_mem = '64MB';
ALTER TABLE client_templates ADD PRIMARY KEY (id);
ALTER TABLE uploads ADD PRIMARY KEY (id);
CREATE UNIQUE INDEX uploads_s3_key ON uploads (s3_key);
CREATE INDEX uploads_tags ON uploads USING gin (tags);
ALTER TABLE audit_log ADD PRIMARY KEY (id), ADD FOREIGN KEY (upload_id) REFERENCES uploads;
CREATE INDEX audit_log_occurred_at ON audit_log (occurred_at);
CREATE INDEX audit_log_upload ON audit_log (upload_id) WHERE upload_id IS NOT NULL;
CREATE INDEX audit_log_2024_occurred_at ON audit_log_2024 (occurred_at) TABLESPACE cold_storage;
ALTER TABLE documents ADD PRIMARY KEY (id);
