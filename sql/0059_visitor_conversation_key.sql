ALTER TABLE visitor_conversation
  ADD KEY visitor_conversation_key (tenant_id, conversation_id),
  ADD CONSTRAINT visitor_conversation_conversation FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversation (tenant_id, conversation_id),
  DROP COLUMN updated_at;
