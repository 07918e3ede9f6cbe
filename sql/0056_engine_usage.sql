CREATE TABLE engine_usage (
  tenant_id BINARY(16) NOT NULL,
  scope ENUM('workspace','bot','visitor') NOT NULL,
  scope_id BINARY(16) NOT NULL COMMENT 'of the tenant or bot; of a visitor a hash',
  starts_at DATETIME(3) NOT NULL COMMENT 'a day, or the first of a month',
  monthly TINYINT NOT NULL,
  calls BIGINT NOT NULL,
  tokens BIGINT NOT NULL,
  cost BIGINT NOT NULL COMMENT 'in 10^-9 of the currency of the price list',
  PRIMARY KEY (tenant_id, scope, scope_id, monthly, starts_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
