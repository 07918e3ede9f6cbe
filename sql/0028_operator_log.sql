CREATE TABLE operator_log (
  operator_log_id BINARY(16) NOT NULL,
  user_id BINARY(16) NULL COMMENT 'NULL: the command line',
  ip VARCHAR(45) NOT NULL,
  what VARCHAR(64) CHARACTER SET ascii NOT NULL,
  object VARCHAR(300) NOT NULL,
  detail LONGTEXT NULL CHECK (detail IS NULL OR JSON_VALID(detail)),
  at DATETIME(3) NOT NULL,
  PRIMARY KEY (operator_log_id),
  KEY operator_log_object (object, operator_log_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='what the operator changed: plans, overrides, assigned plans, replays';
