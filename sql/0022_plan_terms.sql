CREATE TABLE plan_terms (
  plan_terms_id BINARY(16) NOT NULL,
  plan VARCHAR(32) CHARACTER SET ascii NOT NULL,
  price BIGINT NOT NULL COMMENT 'smallest unit of currency, a month',
  currency CHAR(3) CHARACTER SET ascii NOT NULL,
  conversations BIGINT NULL COMMENT 'included in a period; NULL = unlimited',
  overage BIGINT NULL COMMENT '10^-12 of the smallest unit for each conversation beyond; NULL = stops there',
  created_at DATETIME(3) NOT NULL,
  PRIMARY KEY (plan_terms_id),
  KEY plan_terms_plan (plan),
  CONSTRAINT plan_terms_plan FOREIGN KEY (plan) REFERENCES plan (plan)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='what is sold at a price: never changed, so that customers keep what they bought';
