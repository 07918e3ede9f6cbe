CREATE TABLE stripe_price (
  stripe_price_id VARBINARY(255) NOT NULL,
  plan_terms_id BINARY(16) NOT NULL,
  role ENUM('base','usage') NOT NULL,
  livemode TINYINT NOT NULL,
  offered TINYINT NOT NULL DEFAULT 1 COMMENT '1: what a new subscription to the terms gets; others only lead back to them',
  PRIMARY KEY (stripe_price_id),
  KEY stripe_price_terms (plan_terms_id),
  CONSTRAINT stripe_price_terms FOREIGN KEY (plan_terms_id) REFERENCES plan_terms (plan_terms_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='many Stripe prices lead to one set of terms';
