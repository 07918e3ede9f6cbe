CREATE TABLE turn_event (
  tenant_id BINARY(16) NOT NULL,
  event_id BINARY(16) NOT NULL COMMENT 'UUIDv7: the time of the turn',
  bot_id BINARY(16) NOT NULL,
  conversation_id BINARY(16) NOT NULL,
  seq BIGINT NOT NULL COMMENT 'of the visitor message',
  replies INT NOT NULL,
  channel VARCHAR(20) CHARACTER SET ascii NOT NULL,
  state ENUM('open','handoff','closed') NOT NULL COMMENT 'after the turn',
  opened TINYINT NOT NULL COMMENT 'the turn began the conversation',
  counted TINYINT NOT NULL COMMENT 'the turn put the conversation into the ledger',
  took_ms INT NOT NULL COMMENT 'from the message to the finished reply, without recording it',
  outside_ms INT NOT NULL COMMENT 'of these, spent waiting for other servers',
  PRIMARY KEY (tenant_id, event_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
