// SPDX-License-Identifier: Apache-2.0
// One session by JDBC: java -cp postgresql.jar Connect.java URL. Prints one line of what it saw.
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;

public class Connect {
  public static void main(String[] arguments) throws Exception {
    try (Connection connection = DriverManager.getConnection(arguments[0])) {
      connection.setAutoCommit(false);
      connection.createStatement().execute("CREATE TEMP TABLE t (n int, s text) ON COMMIT DROP");
      try (PreparedStatement insert =
          connection.prepareStatement("INSERT INTO t VALUES (?, ?)")) {
        // More often than prepareThreshold, so that named statements are used.
        for (int i = 0; i < 20; i++) {
          insert.setInt(1, i);
          insert.setString(2, "ünï" + i);
          insert.addBatch();
          if (i % 4 == 0) insert.executeBatch();
        }
        insert.executeBatch();
      }
      String sql =
          "SELECT current_database(), (SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()),"
              + " (SELECT sum(n) FROM t), (SELECT max(s) FROM t)";
      try (ResultSet row = connection.createStatement().executeQuery(sql)) {
        row.next();
        System.out.println(row.getString(1) + " " + row.getInt(3) + " " + row.getString(4));
      }
      connection.commit();
    }
  }
}
