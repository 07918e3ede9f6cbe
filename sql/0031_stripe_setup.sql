CREATE TABLE stripe_setup (
  livemode TINYINT NOT NULL,
  name VARCHAR(80) CHARACTER SET ascii NOT NULL COMMENT 'meter, portal, webhook, thin_events, product:<plan>',
  stripe_id VARBINARY(255) NOT NULL,
  detail VARCHAR(500) NOT NULL DEFAULT '',
  updated_at DATETIME(3) NOT NULL,
  PRIMARY KEY (livemode, name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
