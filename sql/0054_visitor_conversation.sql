CREATE TABLE visitor_conversation (
  tenant_id BINARY(16) NOT NULL,
  bot_id BINARY(16) NOT NULL,
  visitor_hash BINARY(32) NOT NULL COMMENT 'of the name that the tenant gave the visitor',
  conversation_id BINARY(16) NOT NULL COMMENT 'the newest of this visitor',
  updated_at DATETIME(3) NOT NULL,
  PRIMARY KEY (tenant_id, bot_id, visitor_hash)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
