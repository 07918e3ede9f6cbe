CREATE TABLE engine_tally (
  tenant_id BINARY(16) NOT NULL,
  bot_id BINARY(16) NOT NULL COMMENT 'zeros: all bots, and tests of connections',
  day DATETIME(3) NOT NULL,
  engine_id BINARY(16) NOT NULL COMMENT 'may be removed since',
  calls BIGINT NOT NULL,
  tokens_in BIGINT NOT NULL,
  tokens_out BIGINT NOT NULL,
  cost BIGINT NOT NULL COMMENT 'in 10^-9 of the currency of the price list',
  PRIMARY KEY (tenant_id, bot_id, day, engine_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
