INSERT INTO plan_entitlement (plan, entitlement, value) VALUES
  ('free', 'bots', 1), ('free', 'members', 2), ('free', 'retention_days', 90),
  ('starter', 'bots', 5), ('starter', 'members', 5), ('starter', 'retention_days', 365),
  ('starter', 'analytics', 1), ('starter', 'integrations', 1), ('starter', 'support', 1),
  ('professional', 'bots', NULL), ('professional', 'members', 25), ('professional', 'retention_days', 730),
  ('professional', 'analytics', 1), ('professional', 'analytics_advanced', 1), ('professional', 'knowledge', 1),
  ('professional', 'integrations', 2), ('professional', 'support', 2),
  ('enterprise', 'bots', NULL), ('enterprise', 'members', NULL), ('enterprise', 'retention_days', NULL),
  ('enterprise', 'analytics', 1), ('enterprise', 'analytics_advanced', 1), ('enterprise', 'knowledge', 1),
  ('enterprise', 'integrations', 2), ('enterprise', 'white_label', 1), ('enterprise', 'sla', 1), ('enterprise', 'support', 3);
