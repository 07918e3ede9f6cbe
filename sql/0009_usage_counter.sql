CREATE TABLE usage_counter (
  tenant_id BINARY(16) NOT NULL,
  period_start DATETIME(3) NOT NULL,
  used BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant_id, period_start),
  CONSTRAINT usage_counter_tenant FOREIGN KEY (tenant_id) REFERENCES tenant (tenant_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
