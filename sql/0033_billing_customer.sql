CREATE TABLE billing_customer (
  tenant_id BINARY(16) NOT NULL,
  stripe_customer_id VARBINARY(255) NOT NULL,
  livemode TINYINT NOT NULL,
  created_at DATETIME(3) NOT NULL,
  deleted_at DATETIME(3) NULL,
  PRIMARY KEY (tenant_id, stripe_customer_id),
  UNIQUE KEY billing_customer_stripe (stripe_customer_id),
  CONSTRAINT billing_customer_tenant FOREIGN KEY (tenant_id) REFERENCES tenant (tenant_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='the current one is the newest that is not deleted';
