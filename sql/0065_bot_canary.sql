CREATE TABLE bot_canary (
  tenant_id BINARY(16) NOT NULL,
  bot_id BINARY(16) NOT NULL,
  run INT NOT NULL COMMENT 'counts the comparisons of this bot',
  percent TINYINT NOT NULL COMMENT 'of new conversations; 0: the comparison has ended',
  version INT NOT NULL COMMENT 'that they run on; 0: as the others',
  chain VARCHAR(200) CHARACTER SET ascii NOT NULL COMMENT 'engines that they ask, with spaces; empty: as the others',
  started_at DATETIME(3) NOT NULL,
  PRIMARY KEY (tenant_id, bot_id),
  CONSTRAINT bot_canary_bot FOREIGN KEY (tenant_id, bot_id) REFERENCES bot (tenant_id, bot_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
