SELECT u.id AS SU_USER_ID, u.login AS SU_LOGIN_NAME, u.last_name AS SU_LNAME, u.phone AS SU_PHONE, u.subscription_id AS SU_SUBSCRIPTION_ID,
  s.account_id AS SU_ACCOUNT_ID, (SELECT parent_id FROM accounts WHERE id = s.account_id) AS SU_RESELLER_ACCOUNT_ID,
  (SELECT name FROM plans WHERE id = s.plan_id) AS SU_SUBSCRIPTION_NAME,
  CASE WHEN u.status = 0 THEN 'off' ELSE 'on' END AS state
FROM service_users AS u JOIN subscriptions AS s ON s.id = u.subscription_id
WHERE s.account_id IN @mine AND u.created_at >= @from AND u.created_at < @to
