CREATE TABLE tenant_override (
  tenant_id BINARY(16) NOT NULL,
  entitlement VARCHAR(40) CHARACTER SET ascii NOT NULL COMMENT 'as in plan_entitlement, or conversations',
  value BIGINT NULL COMMENT 'in place of the plan''s; NULL = unlimited',
  reason VARCHAR(200) NOT NULL,
  expires_at DATETIME(3) NULL,
  created_at DATETIME(3) NOT NULL,
  PRIMARY KEY (tenant_id, entitlement),
  CONSTRAINT tenant_override_tenant FOREIGN KEY (tenant_id) REFERENCES tenant (tenant_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
