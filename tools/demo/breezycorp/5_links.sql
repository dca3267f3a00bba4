-- The foreign keys between the two halves, and what a freshly loaded database needs.
SET ROLE breezycorp_owner;
ALTER TABLE client_templates ADD FOREIGN KEY (uploaded_by) REFERENCES staff_users;
ALTER TABLE uploads ADD FOREIGN KEY (client_id) REFERENCES clients;
ALTER TABLE audit_log ADD FOREIGN KEY (staff_user_id) REFERENCES staff_users;
ALTER TABLE documents ADD FOREIGN KEY (client_id) REFERENCES clients;
RESET ROLE;
VACUUM (FREEZE, ANALYZE);
