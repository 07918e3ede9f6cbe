INSERT INTO plan_terms (plan_terms_id, plan, price, currency, conversations, overage, created_at)
SELECT UNHEX(CONCAT('019ab000000070008000', LPAD(HEX(position), 12, '0'))), plan, price, currency, conversations,
       IF(price > 0 AND conversations > 0, FLOOR(price * 1000000000000 / conversations), NULL), '2026-11-23 00:00:00.000' FROM plan;
