CREATE TABLE plan_entitlement (
  plan VARCHAR(32) CHARACTER SET ascii NOT NULL,
  entitlement VARCHAR(40) CHARACTER SET ascii NOT NULL,
  value BIGINT NULL COMMENT 'a limit, a level, or 1 for has; NULL = unlimited; no row = 0',
  PRIMARY KEY (plan, entitlement),
  CONSTRAINT plan_entitlement_plan FOREIGN KEY (plan) REFERENCES plan (plan)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
