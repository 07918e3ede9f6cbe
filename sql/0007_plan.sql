CREATE TABLE plan (
  plan VARCHAR(32) CHARACTER SET ascii NOT NULL,
  name VARCHAR(60) NOT NULL,
  position SMALLINT NOT NULL,
  price BIGINT NOT NULL COMMENT 'smallest unit of currency, a month',
  currency CHAR(3) CHARACTER SET ascii NOT NULL,
  conversations BIGINT NULL COMMENT 'a month; NULL = unlimited',
  bots BIGINT NULL COMMENT 'NULL = unlimited',
  PRIMARY KEY (plan)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
