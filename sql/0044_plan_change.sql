CREATE TABLE plan_change (
  tenant_id BINARY(16) NOT NULL,
  plan_change_id BINARY(16) NOT NULL COMMENT 'part of the idempotency keys of what was asked of Stripe for it',
  stripe_subscription_id VARBINARY(255) NOT NULL,
  kind ENUM('upgrade','downgrade','move','cancel','undo','end') NOT NULL,
  from_terms_id BINARY(16) NULL,
  to_terms_id BINARY(16) NULL,
  state ENUM('asked','done','waiting','failed') NOT NULL DEFAULT 'asked' COMMENT 'waiting: for a payment. asked for long: nobody heard what became of it, the subscription tells',
  created_at DATETIME(3) NOT NULL,
  finished_at DATETIME(3) NULL,
  PRIMARY KEY (tenant_id, plan_change_id),
  KEY plan_change_finished (tenant_id, finished_at),
  CONSTRAINT plan_change_tenant FOREIGN KEY (tenant_id) REFERENCES tenant (tenant_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='what owners asked for: written before Stripe is';
