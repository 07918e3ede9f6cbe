CREATE TABLE engine_price (
  type VARCHAR(30) CHARACTER SET ascii NOT NULL,
  model VARCHAR(200) COLLATE utf8mb4_bin NOT NULL COMMENT 'a name, or a prefix that ends with *',
  input BIGINT NOT NULL COMMENT 'for a million tokens, in 10^-9 of the currency',
  output BIGINT NOT NULL,
  updated_at DATETIME(3) NOT NULL,
  PRIMARY KEY (type, model)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
