CREATE TABLE bot_canary_tally (
  tenant_id BINARY(16) NOT NULL,
  bot_id BINARY(16) NOT NULL,
  canary INT NOT NULL COMMENT 'as in conversation',
  conversations BIGINT NOT NULL,
  answered BIGINT NOT NULL COMMENT 'conversations with a reply',
  handed_off BIGINT NOT NULL COMMENT 'turns that ended with a hand-off to a person',
  rated_up BIGINT NOT NULL,
  rated_down BIGINT NOT NULL,
  turns BIGINT NOT NULL,
  took_ms BIGINT NOT NULL COMMENT 'of all turns',
  calls BIGINT NOT NULL,
  tokens BIGINT NOT NULL,
  cost BIGINT NOT NULL COMMENT 'in 10^-9 of the currency of the price list',
  PRIMARY KEY (tenant_id, bot_id, canary)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
