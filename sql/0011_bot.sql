CREATE TABLE bot (
  tenant_id BINARY(16) NOT NULL,
  bot_id BINARY(16) NOT NULL,
  name VARCHAR(120) NOT NULL,
  language VARCHAR(35) NOT NULL,
  template VARCHAR(40) CHARACTER SET ascii NOT NULL,
  draft LONGTEXT NOT NULL CHECK (JSON_VALID(draft)),
  draft_hash BINARY(32) NOT NULL,
  draft_revision INT NOT NULL DEFAULT 1,
  live_version INT NOT NULL DEFAULT 0 COMMENT '0 = never published',
  last_version INT NOT NULL DEFAULT 0,
  created_at DATETIME(3) NOT NULL,
  updated_at DATETIME(3) NOT NULL,
  published_at DATETIME(3) NULL,
  deleted_at DATETIME(3) NULL,
  PRIMARY KEY (tenant_id, bot_id),
  UNIQUE KEY bot_public (bot_id),
  CONSTRAINT bot_tenant FOREIGN KEY (tenant_id) REFERENCES tenant (tenant_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
