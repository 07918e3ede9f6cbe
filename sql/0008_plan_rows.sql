INSERT INTO plan (plan, name, position, price, currency, conversations, bots) VALUES
  ('free', 'FREE', 1, 0, 'USD', 1000, 1),
  ('starter', 'STARTER', 2, 4900, 'USD', 10000, 5),
  ('professional', 'PROFESSIONAL', 3, 19900, 'USD', 50000, NULL),
  ('enterprise', 'ENTERPRISE', 4, 99900, 'USD', NULL, NULL);
