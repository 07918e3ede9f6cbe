CREATE TABLE engine_cap (
  tenant_id BINARY(16) NOT NULL,
  scope ENUM('workspace','bot','visitor') NOT NULL,
  scope_id BINARY(16) NOT NULL COMMENT 'of the tenant, else of the bot, also for a cap of its visitors',
  monthly TINYINT NOT NULL,
  starts_at DATETIME(3) NOT NULL COMMENT 'the period, as in engine_usage',
  cap VARCHAR(10) CHARACTER SET ascii NOT NULL COMMENT 'calls, tokens, cost',
  amount BIGINT NOT NULL COMMENT 'the cap that was reached; a changed one is reported again',
  bot_id BINARY(16) NOT NULL COMMENT 'the bot whose settings contain the cap',
  visitors INT NOT NULL COMMENT 'how many visitors reached it; 0 for the other scopes',
  reached_at DATETIME(3) NOT NULL,
  PRIMARY KEY (tenant_id, scope, scope_id, monthly, starts_at, cap, amount)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
