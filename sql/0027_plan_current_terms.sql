UPDATE plan p JOIN plan_terms t ON t.plan = p.plan SET p.plan_terms_id = t.plan_terms_id;
