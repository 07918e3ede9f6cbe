CREATE TABLE message (
  tenant_id BINARY(16) NOT NULL,
  conversation_id BINARY(16) NOT NULL,
  seq BIGINT NOT NULL,
  sender ENUM('visitor','bot','agent','system') NOT NULL,
  type ENUM('text','image','card','choice','event') NOT NULL,
  text MEDIUMTEXT NOT NULL,
  data TEXT NOT NULL COMMENT 'JSON object (choices, citations, addresses) or empty',
  created_at DATETIME(3) NOT NULL,
  PRIMARY KEY (tenant_id, conversation_id, seq),
  CONSTRAINT message_conversation FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversation (tenant_id, conversation_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
