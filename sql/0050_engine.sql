CREATE TABLE engine (
  tenant_id BINARY(16) NOT NULL,
  engine_id BINARY(16) NOT NULL,
  name VARCHAR(120) NOT NULL,
  type VARCHAR(30) CHARACTER SET ascii NOT NULL COMMENT 'a row of src/engine/engine.def',
  settings TEXT NOT NULL COMMENT 'JSON, without anything secret' CHECK (JSON_VALID(settings)),
  secrets VARBINARY(16384) NOT NULL COMMENT 'JSON of the secret settings, sealed; empty: there are none',
  created_at DATETIME(3) NOT NULL,
  updated_at DATETIME(3) NOT NULL,
  PRIMARY KEY (tenant_id, engine_id),
  UNIQUE KEY engine_name (tenant_id, name),
  CONSTRAINT engine_tenant FOREIGN KEY (tenant_id) REFERENCES tenant (tenant_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
