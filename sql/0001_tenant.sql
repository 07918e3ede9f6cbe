CREATE TABLE tenant (
  tenant_id BINARY(16) NOT NULL,
  name VARCHAR(120) NOT NULL,
  plan VARCHAR(32) NOT NULL,
  state ENUM('active','suspended','deleted') NOT NULL DEFAULT 'active',
  created_at DATETIME(3) NOT NULL,
  updated_at DATETIME(3) NOT NULL,
  PRIMARY KEY (tenant_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
