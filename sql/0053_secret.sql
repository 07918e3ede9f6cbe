CREATE TABLE secret (
  tenant_id BINARY(16) NOT NULL,
  name VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  sealed VARBINARY(4200) NOT NULL COMMENT 'the value, sealed for this tenant and name',
  created_at DATETIME(3) NOT NULL,
  changed_at DATETIME(3) NOT NULL,
  PRIMARY KEY (tenant_id, name),
  CONSTRAINT secret_tenant FOREIGN KEY (tenant_id) REFERENCES tenant (tenant_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
