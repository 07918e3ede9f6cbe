CREATE TABLE billing_notice (
  tenant_id BINARY(16) NOT NULL,
  kind VARCHAR(40) CHARACTER SET ascii NOT NULL COMMENT 'usage_75_<included>, usage_90_..., payment_failed, ...',
  about DATETIME(3) NOT NULL COMMENT 'the period, or since when: said once for each',
  created_at DATETIME(3) NOT NULL,
  PRIMARY KEY (tenant_id, kind, about),
  CONSTRAINT billing_notice_tenant FOREIGN KEY (tenant_id) REFERENCES tenant (tenant_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
