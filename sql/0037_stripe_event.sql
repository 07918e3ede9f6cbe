CREATE TABLE stripe_event (
  event_id VARBINARY(255) NOT NULL,
  type VARCHAR(120) NOT NULL,
  object_type VARCHAR(60) NOT NULL DEFAULT '' COMMENT 'subscription, invoice, checkout.session, customer, ...',
  object_id VARBINARY(255) NULL,
  thin TINYINT NOT NULL DEFAULT 0,
  api_version VARCHAR(60) NOT NULL DEFAULT '',
  livemode TINYINT NOT NULL,
  created_at DATETIME(3) NOT NULL COMMENT 'at Stripe',
  received_at DATETIME(3) NOT NULL,
  state ENUM('pending','done','ignored','dead') NOT NULL DEFAULT 'pending',
  attempts SMALLINT NOT NULL DEFAULT 0,
  due_at DATETIME(3) NOT NULL,
  last_error VARCHAR(500) NOT NULL DEFAULT '',
  payload LONGBLOB NOT NULL,
  PRIMARY KEY (event_id),
  KEY stripe_event_due (state, due_at),
  KEY stripe_event_object (object_id, state)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='a verified event says: go and look at the object';
