CREATE TABLE feedback (
  tenant_id BINARY(16) NOT NULL,
  conversation_id BINARY(16) NOT NULL,
  seq BIGINT NOT NULL COMMENT '0 = the conversation as a whole',
  rating TINYINT NOT NULL,
  comment VARCHAR(1000) NOT NULL,
  created_at DATETIME(3) NOT NULL,
  updated_at DATETIME(3) NOT NULL,
  PRIMARY KEY (tenant_id, conversation_id, seq),
  CONSTRAINT feedback_conversation FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversation (tenant_id, conversation_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
