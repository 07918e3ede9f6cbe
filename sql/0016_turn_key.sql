CREATE TABLE turn_key (
  tenant_id BINARY(16) NOT NULL,
  turn_key BINARY(16) NOT NULL COMMENT 'of conversation and the client message id; of bot and id for a first message',
  conversation_id BINARY(16) NOT NULL,
  first_seq BIGINT NOT NULL COMMENT 'the visitor message',
  last_seq BIGINT NOT NULL,
  created_at DATETIME(3) NOT NULL,
  PRIMARY KEY (tenant_id, turn_key),
  KEY turn_key_created (created_at),
  CONSTRAINT turn_key_conversation FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversation (tenant_id, conversation_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
