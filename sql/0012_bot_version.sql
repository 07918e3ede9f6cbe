CREATE TABLE bot_version (
  tenant_id BINARY(16) NOT NULL,
  bot_id BINARY(16) NOT NULL,
  version INT NOT NULL,
  flow LONGTEXT NOT NULL CHECK (JSON_VALID(flow)),
  flow_hash BINARY(32) NOT NULL,
  note VARCHAR(500) NOT NULL,
  created_by BINARY(16) NULL COMMENT 'NULL: the command line',
  created_at DATETIME(3) NOT NULL,
  PRIMARY KEY (tenant_id, bot_id, version),
  CONSTRAINT bot_version_bot FOREIGN KEY (tenant_id, bot_id) REFERENCES bot (tenant_id, bot_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
