CREATE TABLE audit (
  tenant_id BINARY(16) NOT NULL,
  audit_id BINARY(16) NOT NULL,
  user_id BINARY(16) NULL,
  key_id BINARY(16) NULL,
  via ENUM('portal','api','cli','worker') NOT NULL,
  ip VARCHAR(45) NOT NULL,
  what VARCHAR(64) CHARACTER SET ascii NOT NULL,
  object VARCHAR(64) NOT NULL,
  detail LONGTEXT NULL CHECK (detail IS NULL OR JSON_VALID(detail)),
  at DATETIME(3) NOT NULL,
  PRIMARY KEY (tenant_id, audit_id),
  CONSTRAINT audit_tenant FOREIGN KEY (tenant_id) REFERENCES tenant (tenant_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
