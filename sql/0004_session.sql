CREATE TABLE session (
  session_hash BINARY(32) NOT NULL COMMENT 'of the token in the cookie',
  session_id BINARY(16) NOT NULL,
  user_id BINARY(16) NOT NULL,
  tenant_id BINARY(16) NOT NULL COMMENT 'the workspace it looks at now',
  ip VARCHAR(45) NOT NULL,
  agent VARCHAR(255) NOT NULL,
  created_at DATETIME(3) NOT NULL,
  seen_at DATETIME(3) NOT NULL,
  PRIMARY KEY (session_hash),
  KEY session_user (user_id, seen_at),
  KEY session_seen (seen_at),
  CONSTRAINT session_user FOREIGN KEY (user_id) REFERENCES user (user_id),
  CONSTRAINT session_tenant FOREIGN KEY (tenant_id) REFERENCES tenant (tenant_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
