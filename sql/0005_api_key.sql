CREATE TABLE api_key (
  tenant_id BINARY(16) NOT NULL,
  key_id BINARY(16) NOT NULL,
  key_hash BINARY(32) NOT NULL,
  name VARCHAR(80) NOT NULL,
  hint CHAR(4) CHARACTER SET ascii NOT NULL COMMENT 'the last four characters, to tell keys apart',
  scopes INT UNSIGNED NOT NULL,
  created_at DATETIME(3) NOT NULL,
  used_at DATETIME(3) NULL,
  revoked_at DATETIME(3) NULL,
  PRIMARY KEY (tenant_id, key_id),
  UNIQUE KEY api_key_hash (key_hash),
  CONSTRAINT api_key_tenant FOREIGN KEY (tenant_id) REFERENCES tenant (tenant_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
