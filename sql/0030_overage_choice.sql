CREATE TABLE overage_choice (
  tenant_id BINARY(16) NOT NULL,
  overage ENUM('stop','bill') NOT NULL DEFAULT 'stop',
  cap BIGINT NULL COMMENT 'most overage of a period, smallest unit; NULL = none chosen, which is 0',
  updated_at DATETIME(3) NOT NULL,
  PRIMARY KEY (tenant_id),
  CONSTRAINT overage_choice_tenant FOREIGN KEY (tenant_id) REFERENCES tenant (tenant_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
