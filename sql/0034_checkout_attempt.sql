CREATE TABLE checkout_attempt (
  tenant_id BINARY(16) NOT NULL,
  checkout_attempt_id BINARY(16) NOT NULL,
  plan_terms_id BINARY(16) NOT NULL,
  stripe_session_id VARBINARY(255) NULL,
  livemode TINYINT NOT NULL,
  state ENUM('creating','open','complete','expired','failed') NOT NULL,
  created_at DATETIME(3) NOT NULL,
  expires_at DATETIME(3) NOT NULL,
  PRIMARY KEY (tenant_id, checkout_attempt_id),
  UNIQUE KEY checkout_attempt_session (stripe_session_id),
  KEY checkout_attempt_state (state, expires_at),
  CONSTRAINT checkout_attempt_tenant FOREIGN KEY (tenant_id) REFERENCES tenant (tenant_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
