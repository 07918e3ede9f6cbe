CREATE TABLE conversation (
  tenant_id BINARY(16) NOT NULL,
  conversation_id BINARY(16) NOT NULL,
  bot_id BINARY(16) NOT NULL,
  version INT NOT NULL COMMENT 'of the bot: pinned when it began',
  channel VARCHAR(20) CHARACTER SET ascii NOT NULL,
  locale VARCHAR(35) NOT NULL,
  state ENUM('open','handoff','closed') NOT NULL DEFAULT 'open',
  counted TINYINT NOT NULL DEFAULT 0,
  token_hash BINARY(32) NOT NULL,
  seq BIGINT NOT NULL COMMENT 'of its last message: a turn writes only where it is as it read it',
  flow_state MEDIUMTEXT NOT NULL,
  contact TEXT NOT NULL COMMENT 'JSON object or empty',
  started_at DATETIME(3) NOT NULL,
  last_at DATETIME(3) NOT NULL,
  PRIMARY KEY (tenant_id, conversation_id),
  KEY conversation_bot (tenant_id, bot_id, conversation_id),
  CONSTRAINT conversation_bot FOREIGN KEY (tenant_id, bot_id) REFERENCES bot (tenant_id, bot_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
