CREATE TABLE billing_alarm (
  billing_alarm_id BINARY(16) NOT NULL,
  open_key VARBINARY(340) NULL COMMENT 'kind and object while it is open: one row for what goes on',
  kind VARCHAR(40) CHARACTER SET ascii NOT NULL,
  object VARCHAR(300) NOT NULL,
  tenant_id BINARY(16) NULL,
  words VARCHAR(500) NOT NULL,
  times INT NOT NULL DEFAULT 1,
  first_at DATETIME(3) NOT NULL,
  last_at DATETIME(3) NOT NULL,
  closed_at DATETIME(3) NULL,
  PRIMARY KEY (billing_alarm_id),
  UNIQUE KEY billing_alarm_open (open_key)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='what the operator has to see';
